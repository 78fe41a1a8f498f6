export interface Dimensions {
  readonly width: number;
  readonly height: number;
}

/** What the inside of a format says. */
export interface Found {
  /** Canonical type; absent where the content is not of the format after all. */
  readonly type?: string;
  /** True when the content does not say which of two types it is, so that an honest header may: audio or video, for example. */
  readonly isUnsure?: boolean;
  /** What lies behind a tag in front of the content proper: to be sniffed in its own right. */
  readonly behind?: Buffer;
  /** As shown: turned as the metadata say. */
  readonly dimensions?: Dimensions;
}

/** Turns the size of an image whose metadata want it shown on its side: Exif orientations 5 to 8, quarter turns of HEIF. */
export function shownAs({ width, height }: Dimensions, isOnItsSide: boolean): Dimensions {
  return isOnItsSide ? { width: height, height: width } : { width, height };
}
