/**
 * Ends the output of a test run with the plain line `N passed, N failed`. A test file that could not run counts as one
 * failure: its tests were never counted. Plain JavaScript, because jest loads reporters without its transforms.
 */
class ClosingLineReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const line = `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    // Jest puts its own summary after every other reporter, and notices about open handles after that.
    process.once('exit', () => process.stdout.write(`${line}\n`));
  }
}

export { ClosingLineReporter as default };
