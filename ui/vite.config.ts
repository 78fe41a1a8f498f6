import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Plugin, UserConfig } from 'vite';

/** Writes `.br` and `.gz` beside every text file, so that the gateway never compresses while it answers. */
function precompress(folder: string): Plugin {
  return {
    name: 'precompress',
    apply: 'build',
    async closeBundle() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const texts = entries.filter((entry) => entry.isFile() && /\.(?:html|js|css|svg)$/.test(entry.name));
      for (const entry of texts) {
        const file = join(entry.parentPath, entry.name);
        const body = await readFile(file);
        const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
        await writeFile(`${file}.br`, brotliCompressSync(body, { params: quality }));
        await writeFile(`${file}.gz`, gzipSync(body, { level: 9 }));
      }
    },
  };
}

const folder = fileURLToPath(new URL('../dist/ui', import.meta.url));

const config: UserConfig = {
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/ui/',
  plugins: [precompress(folder)],
  build: {
    outDir: folder,
    emptyOutDir: true,
    target: 'es2022',
    // Nothing inline: the content security policy allows neither inline scripts nor data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Licences stay; the third-party notice of the package repeats them.
    reportCompressedSize: false,
  },
};

export { config as default };
