import { existsSync } from 'node:fs';
import jest from 'eslint-plugin-jest';
import tseslint from 'typescript-eslint';

const nodeBuiltinsInWorkflows = {
  group: [
    'node:*',
    'fs',
    'crypto',
    'path',
    'http',
    '**/activities/*.js',
    '**/src/*/**',
    '!**/src/domain/**',
    '!**/src/temporal',
    '!**/src/temporal/names.js',
  ],
  allowTypeImports: true,
  message: 'Workflow code runs in the deterministic sandbox: types only, apart from src/domain and src/temporal/names.',
};

// Without its packages, which only `npm run bench` installs, every type in it would be an error (see tools/check-contenders.mjs).
const hasContenders = existsSync(new URL('bench/contenders/node_modules', import.meta.url));
const uncheckable = hasContenders ? [] : ['bench/contenders'];

export default tseslint.config(
  { ignores: ['dist', 'coverage', '.data', 'node_modules', 'deploy', 'test/fixtures', ...uncheckable] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.mjs', '*.cjs', '*.js', 'tools/*.mjs', 'bench/*.mjs'] },
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Taking a key off an object is what a rest pattern is for.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
      'no-restricted-syntax': [
        'error',
        {
          selector: "MemberExpression[object.name='process'][property.name='env']",
          message: 'Only src/config.ts and the composition roots read the environment.',
        },
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'TSEnumDeclaration', message: 'Use a const object with a type of the same name.' },
      ],
    },
  },
  {
    // Budgets of one function. A factory counts with the methods of the object that it makes, hence the length.
    files: ['src/**/*.ts', 'workflows/**/*.ts', 'activities/**/*.ts'],
    rules: {
      'max-lines-per-function': ['error', { max: 100, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 5],
      'max-depth': ['error', 4],
      complexity: ['error', 16],
    },
  },
  {
    files: ['workflows/**/*.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [nodeBuiltinsInWorkflows] }] },
  },
  {
    files: [
      'src/cli.ts',
      'src/cli/**/*.ts',
      'src/gateway.ts',
      'src/worker.ts',
      'src/local-stack/**/*.ts',
      'test/**/*.ts',
      'bench/**/*.ts',
    ],
    rules: { 'no-restricted-syntax': ['error', { selector: 'TSEnumDeclaration', message: 'No enum.' }] },
  },
  {
    files: ['test/**/*.ts'],
    ...jest.configs['flat/recommended'],
    rules: {
      ...jest.configs['flat/recommended'].rules,
      'max-lines': ['error', { max: 600 }],
      'jest/no-restricted-jest-methods': ['error', { mock: 'Pass a fake through the factory instead.' }],
      'jest/expect-expect': ['error', { assertFunctionNames: ['expect', 'expect*', 'fc.assert'] }],
    },
  },
  { files: ['*.mjs', '*.cjs', '*.js', 'tools/*.mjs', 'bench/*.mjs'], ...tseslint.configs.disableTypeChecked },
  {
    files: ['*.mjs', '*.js', 'bench/*.mjs', 'test/support/global-*.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
