const support = '<rootDir>/test/support';

const project = (displayName) => ({
  displayName,
  testMatch: [`<rootDir>/test/${displayName}/**/*.test.ts`],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, sourceMaps: 'inline' }],
  },
});

// Jest runs the set-up of a project only when at least one test of that project is in the run.
const projectWithServers = (displayName) => ({
  ...project(displayName),
  globalSetup: `${support}/global-setup.ts`,
  globalTeardown: `${support}/global-teardown.ts`,
});

/** @type {import('jest').Config} */
const config = {
  projects: [
    project('unit'),
    project('replay'),
    projectWithServers('workflow'),
    projectWithServers('integration'),
    projectWithServers('e2e'),
    projectWithServers('chaos'),
  ],
  // Real servers on a loaded two-core machine: a limit is there to end a hang, not to measure. Above the minute of `eventually`,
  // so that it can say what it waited for.
  testTimeout: 180_000,
  // Temporal, MongoDB, workers and origins run beside the tests.
  maxWorkers: 2,
  passWithNoTests: true,
  reporters: ['default', '<rootDir>/tools/closing-line-reporter.mjs'],
};

export { config as default };
