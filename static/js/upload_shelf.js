// The chosen files in the browser's own database; in memory where it has none, or no room.
const NAME = "govbot-uploads";

export class Shelf {
  static async open() {
    const shelf = new Shelf();
    shelf.kept = new Map();
    shelf.files = new Map();
    shelf.volatile = false;
    try {
      shelf.db = await done(Object.assign(indexedDB.open(NAME, 1), { onupgradeneeded: (event) => {
        event.target.result.createObjectStore("items", { keyPath: "id" });
        event.target.result.createObjectStore("files");
      } }));
    } catch { shelf.volatile = true; }
    return shelf;
  }

  async items() {
    const found = this.db ? await done(this.#store("items").getAll()).catch(() => []) : [];
    return [...found.filter((item) => !this.kept.has(item.id)), ...this.kept.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async item(id) { return this.kept.get(id) ?? (this.db ? done(this.#store("items").get(id)) : undefined); }

  async file(id) { return this.files.get(id) ?? (this.db ? done(this.#store("files").get(id)) : undefined); }

  async add(item, file) {
    try {
      if (file) await done(this.#store("files", "readwrite").put(file, item.id));
      await done(this.#store("items", "readwrite").put(item));
    } catch {
      this.volatile = true;
      this.kept.set(item.id, item);
      if (file) this.files.set(item.id, file);
    }
  }

  // A removed item stays removed, whatever a request that was under way still has to say.
  async save(item) {
    if (this.kept.has(item.id)) { this.kept.set(item.id, { ...item }); return; }
    if (!this.db || !(await this.item(item.id))) return;
    await done(this.#store("items", "readwrite").put({ ...item }));
  }

  async dropFile(id) {
    this.files.delete(id);
    if (this.db) await done(this.#store("files", "readwrite").delete(id));
  }

  async remove(id) {
    this.kept.delete(id);
    await this.dropFile(id);
    if (this.db) await done(this.#store("items", "readwrite").delete(id));
  }

  async clear() {
    for (const item of await this.items()) await this.remove(item.id);
  }

  #store(name, mode = "readonly") { return this.db.transaction(name, mode).objectStore(name); }
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}
