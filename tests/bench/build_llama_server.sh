#!/bin/sh
# Builds llama-server, the peer of tests/bench/test_engine.py, from the llama.cpp sources that the
# installed llama-cpp-python was built from, with the same flags (release, tuned to this processor).
# Usage: build_llama_server.sh FOLDER; the program is FOLDER/build/bin/llama-server. Takes about ten
# minutes on two cores; needs cmake and a C++ compiler.
set -eu
folder=${1:?usage: build_llama_server.sh FOLDER}
python=${PYTHON:-.venv/bin/python}
version=$("$python" -c 'from importlib.metadata import version; print(version("llama-cpp-python"))')
mkdir -p "$folder"
sources=$folder/llama_cpp_python-$version/vendor/llama.cpp
if [ ! -d "$sources" ]; then
    "$python" -m pip download --no-deps --no-binary llama-cpp-python \
        "llama-cpp-python==$version" -d "$folder"
    tar -xzf "$folder/llama_cpp_python-$version.tar.gz" -C "$folder"
fi
cmake -S "$sources" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF \
    -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF
cmake --build "$folder/build" --target llama-server --parallel "${JOBS:-2}"
echo "$folder/build/bin/llama-server"
