const OPEN_XML = 'application/vnd.openxmlformats-officedocument';
const CONTENT_TYPES = '[Content_Types].xml';
/** Of e-books and OpenDocument: holds the type and nothing else. */
const MIMETYPE = 'mimetype';

/** The main part of an office document, and its type when the list of types cannot be read; the second one is that with macros. */
const MAIN_PARTS: readonly (readonly [part: string, type: string, withMacros: string])[] = [
  ['word/document.xml', `${OPEN_XML}.wordprocessingml.document`, 'application/vnd.ms-word.document.macroenabled.12'],
  ['xl/workbook.xml', `${OPEN_XML}.spreadsheetml.sheet`, 'application/vnd.ms-excel.sheet.macroenabled.12'],
  [
    'ppt/presentation.xml',
    `${OPEN_XML}.presentationml.presentation`,
    'application/vnd.ms-powerpoint.presentation.macroenabled.12',
  ],
  [
    'xl/workbook.bin',
    'application/vnd.ms-excel.sheet.binary.macroenabled.12',
    'application/vnd.ms-excel.sheet.binary.macroenabled.12',
  ],
  ['visio/document.xml', 'application/vnd.visio', 'application/vnd.visio'],
];

/** The names of a ZIP archive, as far as they tell its type. */
export interface ZipNames {
  /** Takes a name and answers whether the entry itself tells the type and was not seen before. */
  note(name: string): boolean;
  /** The type by names alone. */
  type(): string | undefined;
}

export function createZipNames(): ZipNames {
  const noted = new Set<string>();
  return {
    note(name) {
      const isNew = !noted.has(name);
      if (isTelling(name)) noted.add(name);
      return isNew && (name === CONTENT_TYPES || name === MIMETYPE);
    },
    type() {
      const has = (name: string): boolean => noted.has(name);
      if (has(CONTENT_TYPES)) {
        const [, type, withMacros] = MAIN_PARTS.find(([part]) => has(part)) ?? [];
        return [...noted].some((name) => name.endsWith('vbaProject.bin')) ? withMacros : type;
      }
      if (has(MIMETYPE) && has('META-INF/container.xml')) return 'application/epub+zip';
      if (has('META-INF/mozilla.rsa')) return 'application/x-xpinstall';
      if (has('classes.dex')) return 'application/vnd.android.package-archive';
      return has('META-INF/MANIFEST.MF') ? 'application/java-archive' : undefined;
    },
  };
}

/** The few names that are remembered: an archive may have any number of others. */
function isTelling(name: string): boolean {
  return (
    /^(?:mimetype|\[Content_Types\]\.xml|classes\.dex|(?:word|xl|ppt)\/vbaProject\.bin)$/.test(name) ||
    /^META-INF\/(?:container\.xml|MANIFEST\.MF|mozilla\.rsa)$/.test(name) ||
    MAIN_PARTS.some(([part]) => part === name)
  );
}

/** The type that the content of an entry tells. */
export function typeOfEntry(name: string, content: string): string | undefined {
  if (name === MIMETYPE) {
    return /^application\/(?:epub\+zip|vnd\.oasis\.opendocument\.[a-z-]{1,60})$/.exec(content.trim())?.[0];
  }
  const main = /ContentType=["'](application\/[\w.-]{1,100}?)\.main(?:\+xml)?["']/i.exec(content)?.[1]?.toLowerCase();
  if (main === undefined) return /3dmanufacturing-3dmodel\+xml["']/.test(content) ? 'model/3mf' : undefined;
  if (main.startsWith(`${OPEN_XML}.`)) return main;
  if (main.startsWith('application/vnd.ms-visio.')) return 'application/vnd.visio';
  // `….macroEnabled.main+xml` in the file is registered as `….macroenabled.12`.
  const macros = /^(application\/vnd\.ms-(?:word|excel|powerpoint)\..+macroenabled)(?:template)?$/.exec(main)?.[1];
  return macros && `${macros}.12`;
}
