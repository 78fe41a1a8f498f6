/** Enough for every magic number and for the dimensions of nearly every image, small enough to keep in memory per download. */
export const HEAD_BYTES = 64 * 1024;
