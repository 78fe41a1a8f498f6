/** Works on `0` to `total - 1` with so many in flight. The first failure ends it. */
export async function inFlight(total: number, width: number, work: (seq: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let seq = next++; seq < total; seq = next++) await work(seq);
  };
  await Promise.all(Array.from({ length: Math.min(width, total) }, lane));
}
