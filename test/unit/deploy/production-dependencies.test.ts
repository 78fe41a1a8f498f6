import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { readRepoFile, ROOT } from '../docs/markdown.js';

interface Imports {
  /** Loaded with the file. */
  readonly always: string[];
  /** Loaded when that line is reached. */
  readonly onDemand: string[];
}

/** What a file loads when it runs: types are gone by then. */
function importsOf(file: string): Imports {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Imports = { always: [], onDemand: [] };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier) && !isTypeOnly(node))
      found.always.push(node.moduleSpecifier.text);
    if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier) &&
      !node.isTypeOnly
    )
      found.always.push(node.moduleSpecifier.text);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument !== undefined && ts.isStringLiteral(argument)) found.onDemand.push(argument.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isTypeOnly({ importClause }: ts.ImportDeclaration): boolean {
  if (importClause === undefined) return false;
  if (importClause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { name, namedBindings } = importClause;
  if (name !== undefined || namedBindings === undefined || !ts.isNamedImports(namedBindings)) return false;
  return namedBindings.elements.length > 0 && namedBindings.elements.every((element) => element.isTypeOnly);
}

/** The packages that a process loads which begins with these files. */
function packagesOf(entries: readonly string[], { withOnDemand }: { withOnDemand: boolean }): Set<string> {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const waiting = entries.map((entry) => join(ROOT, entry));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const { always, onDemand } = importsOf(file);
    for (const specifier of [...always, ...(withOnDemand ? onDemand : [])]) {
      if (specifier.startsWith('.')) {
        const target = join(dirname(file), specifier.replace(/\.js$/, '.ts'));
        if (!existsSync(target)) throw new Error(`${file} imports ${specifier}, which is not there`);
        waiting.push(target);
      } else if (!isBuiltin(specifier)) packages.add(nameOf(specifier));
    }
  }
  return packages;
}

function nameOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** A worker loads workflows into isolates and the reader of media files into a thread, neither by an import. */
const WORKER = ['src/worker.ts', 'workflows/index.ts', 'src/probe/thread.ts'];

describe('what npm ci --omit=dev installs', () => {
  const { dependencies } = JSON.parse(readRepoFile('package.json')) as { dependencies: Record<string, string> };

  it('is all that a gateway and a worker load, also later', () => {
    const loaded = packagesOf(['src/gateway.ts', ...WORKER], { withOnDemand: true });

    expect(loaded.size).toBeGreaterThan(20);
    expect([...loaded].filter((name) => !(name in dependencies))).toEqual([]);
  });

  it('is all that the command line of the image loads before it knows the command', () => {
    const loaded = packagesOf(['src/cli.ts'], { withOnDemand: false });

    expect(loaded).toContain('commander');
    expect([...loaded].filter((name) => !(name in dependencies))).toEqual([]);
  });

  it('is nothing else: every dependency is loaded by the gateway, the worker or some command', () => {
    const loaded = packagesOf(['src/cli.ts', 'src/gateway.ts', ...WORKER], {
      withOnDemand: true,
    });

    // Named only to have one copy of it: with two, replaying a JSON history dies.
    expect(Object.keys(dependencies).filter((name) => !loaded.has(name))).toEqual(['protobufjs']);
    // The local stack says what to install where the downloader of MongoDB is not there: see src/local-stack/download.ts.
    expect([...loaded].filter((name) => !(name in dependencies))).toEqual(['mongodb-memory-server-core']);
  });

  it('holds nothing that only tests and the local stack need', () => {
    const local = ['@temporalio/testing', 'mongodb-memory-server-core'];
    const lock = JSON.parse(readRepoFile('package-lock.json')) as { packages: Record<string, { dev?: boolean }> };

    expect(local.filter((name) => lock.packages[`node_modules/${name}`]?.dev !== true)).toEqual([]);
  });
});
