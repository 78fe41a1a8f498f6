import { describe, expect, it } from '@jest/globals';
import { sniffMarkup } from '../../../src/download/media-type/sniff.js';

const BOM = '\ufeff';

describe('sniffMarkup', () => {
  it.each([
    '<!DOCTYPE html><html></html>',
    '<!doctype HTML PUBLIC "-//W3C//DTD HTML 4.01//EN">',
    ' \t\r\n\f<html lang="en">',
    `${BOM}<!DOCTYPE html>`,
    '<head><title>x',
    '<script>location = "/login"</script>',
    '<iframe src="x">',
    '<h1>404</h1>',
    '<div class="error">',
    '<p>Not found',
    '<body>',
    '<a href="/login">',
    '<!-- generated --><html>',
    '<!-- a page that is all comment',
    '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x"><html>',
    '<?php echo 1 ?><html>',
  ])('tells %p for HTML', (text) => {
    expect(sniffMarkup(Buffer.from(text))).toBe('text/html');
  });

  it.each([
    '<svg xmlns="http://www.w3.org/2000/svg"/>',
    '<svg>',
    '<SVG width="1">',
    '<?xml version="1.0"?>\n<svg:svg xmlns:svg="http://www.w3.org/2000/svg">',
    `${BOM}<?xml version="1.0"?><!-- Generator: a tool --><!-- two --><svg >`,
    '<!-- Created with a tool -->\n<svg\nwidth="1">',
    '<?xml version="1.0"?><?xml-stylesheet href="x"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x"><svg>',
    '<!DOCTYPE svg [ <!ENTITY a "b"> ]><svg>',
  ])('tells %p for SVG', (text) => {
    expect(sniffMarkup(Buffer.from(text))).toBe('image/svg+xml');
  });

  it.each(['<?xml version="1.0"?><rss>', '<?xml version="1.0"?><a>', '<?xml version="1.0"?><!-- unended'])(
    'tells %p for XML',
    (text) => {
      expect(sniffMarkup(Buffer.from(text))).toBe('application/xml');
    },
  );

  it.each([
    '',
    ' ',
    'plain',
    '{"a":1}',
    '< html>',
    '<htmlx>',
    '<abc>',
    '<feed>',
    'x<html>',
    '<',
    '<!',
    '<!--',
    '<svgx>',
  ])('tells nothing of %p', (text) => {
    expect(sniffMarkup(Buffer.from(text))).toBeUndefined();
  });

  it.each(['utf16le', 'utf16be'] as const)('reads %s with a byte order mark', (encoding) => {
    const bytes = Buffer.from(`${BOM}<!DOCTYPE html>`, 'utf16le');
    expect(sniffMarkup(encoding === 'utf16be' ? bytes.swap16() : bytes)).toBe('text/html');
  });

  it.each([
    ['comments', '<!---->'.repeat(9_000)],
    ['white space after a document type', `<!doctype x${' '.repeat(64_000)}`],
    ['openings of comments', '<!--'.repeat(16_000)],
    ['openings of document types', '<!doctype a ['.repeat(5_000)],
    ['white space', ' '.repeat(64_000)],
  ])('stays quick on 64 KiB of %s', (_name, text) => {
    const started = performance.now();
    sniffMarkup(Buffer.from(text));
    expect(performance.now() - started).toBeLessThan(500);
  });
});
