#!/bin/sh
# Builds one wheel of llama-cpp-python for a kind of machine: see README.md beside this file.
#   build.sh cpu|cuda|rocm|vulkan [FOLDER]     the wheel goes to FOLDER (default: dist)
# SDIST=file.tar.gz builds from a source archive that is there already, without a network if the
# build requirements are installed (PIP_NO_BUILD_ISOLATION=1) or in a pip mirror.
set -eu

version=0.3.36
sha256=${SDIST_SHA256:-}
kind=${1:-}
target=${2:-dist}

# One library for the core, one for each instruction set and device, chosen when the program
# starts: nothing here is tuned to the machine that builds.
common="-DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON"
# The backends are installed as programs are; the package looks for them beside libllama.
common="$common -DCMAKE_INSTALL_BINDIR=llama_cpp/lib -DCMAKE_INSTALL_RPATH=\$ORIGIN"
common="$common -DCMAKE_BUILD_TYPE=Release -DLLAVA_BUILD=OFF"
common="$common -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF"
common="$common -DLLAMA_BUILD_SERVER=OFF -DLLAMA_CURL=OFF"

need() {
    command -v "$1" >/dev/null 2>&1 || { echo "build.sh: $1 is missing ($2)" >&2; exit 1; }
}

case $kind in
cpu)
    flags= ;;
cuda)
    need nvcc "the CUDA toolkit, 12.4 or later"
    # Turing to Hopper as machine code; the last one as PTX too, for cards to come.
    flags="-DGGML_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=${CUDA_ARCHITECTURES:-75-real;80-real;86-real;89-real;90}"
    ;;
rocm)
    need hipconfig "ROCm 6.1 or later: rocm-hip-sdk"
    HIPCXX=$(hipconfig -l)/clang++
    HIP_PATH=$(hipconfig -R)
    export HIPCXX HIP_PATH
    flags="-DGGML_HIP=ON -DGPU_TARGETS=${GPU_TARGETS:-gfx906;gfx90a;gfx942;gfx1030;gfx1100;gfx1101}"
    ;;
vulkan)
    need glslc "Debian: glslc, libvulkan-dev, spirv-headers"
    flags="-DGGML_VULKAN=ON" ;;
*)
    echo "usage: build.sh cpu|cuda|rocm|vulkan [FOLDER]" >&2
    exit 2 ;;
esac
need "${CC:-cc}" "a C compiler: build-essential"
need "${PYTHON:-python3}" "Python 3.11 or later"

mkdir -p "$target"
source=llama-cpp-python==$version
if [ -n "${SDIST:-}" ]; then
    source=$SDIST
    if [ -n "$sha256" ]; then echo "$sha256  $SDIST" | sha256sum -c -; fi
fi

export CMAKE_ARGS="$common $flags"
export CMAKE_BUILD_PARALLEL_LEVEL="${JOBS:-$(nproc)}"
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-1735689600}"
echo "build.sh: $kind, $CMAKE_ARGS" >&2
"${PYTHON:-python3}" -m pip wheel --no-deps --no-cache-dir --no-binary llama-cpp-python \
    --wheel-dir "$target" "$source"

# The same name and version for four different wheels: say in the name which one it is. PEP 440's
# local version keeps an index from mixing them up.
wheel=$(ls -t "$target"/llama_cpp_python-"$version"-*.whl | head -n 1)
"${PYTHON:-python3}" "$(dirname "$0")/label.py" "$wheel" "$kind"
rm "$wheel"
"${PYTHON:-python3}" "$(dirname "$0")/check.py" "$target"/llama_cpp_python-"$version"+"$kind"-*.whl
