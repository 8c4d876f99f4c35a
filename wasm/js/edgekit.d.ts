/** The targets of a bundle that run in a browser. */
export type Target = 'wasm' | 'tfjs' | 'ort';

/** The builds of the wasm engine. */
export type Build = 'relaxed' | 'signed' | 'simd' | 'scalar' | 'relaxed-threads' | 'signed-threads' | 'simd-threads';

/**
 * What went wrong, for programs:
 * - `input`: the caller's input or options; `field` names the feature
 * - `network`, `http`: a file could not be fetched; `file` names it
 * - `size`, `hash`: a file is not what the manifest says, also when asked for a second time
 * - `manifest`: manifest.json is not one that this runtime reads
 * - `target`: the bundle has nothing that runs here, or not what was asked for
 * - `engine`, `memory`: the model cannot be built or run here
 * - `aborted`: the caller's signal fired; `cause` is its reason
 * - `disposed`: the model was disposed
 */
export type ErrorCode =
  | 'input' | 'network' | 'http' | 'size' | 'hash' | 'manifest' | 'target' | 'unfit' | 'engine' | 'memory' | 'aborted' | 'disposed';

/** Every error of this module; `message` is one sentence. */
export declare class EdgekitError extends Error {
  readonly code: ErrorCode;
  /** The path in the bundle that the error is about. */
  readonly file?: string;
  /** The feature that the error is about. */
  readonly field?: string;
}

/**
 * Bytes of the model's files together; `file` is the one that the last bytes belong to.
 * `loaded` only grows: bytes that have to be fetched again (a corrupted file, a broken download that the server cannot
 * resume) count once, so it rests until they are made up for. What comes from the cache counts too.
 */
export interface Progress {
  file: string;
  loaded: number;
  total: number;
}

export interface LoadOptions {
  /** Default: wasm where the bundle has it, else tfjs, else ort. */
  target?: Target;
  /** The engine build; default: the fastest that computes rightly here. */
  build?: Build;
  /**
   * How many threads compute, the caller's among them, from 1 to 4. Default: 2 to 4 on a cross-origin isolated page for a
   * model that is large enough for it to pay, else 1. More than 1 is a wish: without isolation or workers it is 1.
   */
  threads?: number;
  /** Used in place of the global fetch, with (url: string, init: RequestInit). */
  fetch?: (url: string, init?: RequestInit) => Promise<Response>;
  /** Stops `load` itself, that is the fetch of the manifest. */
  signal?: AbortSignal;
  /** Told of the download, whenever it happens; `warmUp` can bring its own. */
  onProgress?: (progress: Progress) => void;
  /**
   * Keep the model's files in the browser's Cache Storage, under 'edgekit', for the next visit: an update downloads
   * what changed, and without a network the last complete model of this address loads. Default: true, where there is
   * one; false for none, as for a page whose service worker does this; or a Cache to use. TensorFlow.js itself is not kept.
   */
  cache?: boolean | Pick<Cache, 'match' | 'put' | 'delete' | 'keys'>;
  /**
   * After how many ms without a byte a request is given up and made again. Default: 20,000. What fails in passing (no
   * network, 408, 429, 5xx) is tried four times, a broken download from where it broke.
   */
  patience?: number;
  /**
   * Run the engine in a Web Worker of the model's own, so that the page stays responsive while a large model runs. All
   * else is the same; a prediction of a small model takes some tens of microseconds longer. For the target wasm, and
   * where the page's Content-Security-Policy has worker-src 'self'. Default: false.
   */
  worker?: boolean;
}

export interface WarmUpOptions {
  /** This caller stops waiting; the download stops when nobody waits for it any more. */
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

export interface PredictOptions {
  /**
   * What to do with a number outside its feature's range: fail, take the nearest end, or use it as it is.
   * Default: 'reject'. Of no effect for a model without named features.
   */
  outOfRange?: 'reject' | 'clamp' | 'allow';
  /**
   * As in `warmUp`, when this is the call that has to wait for the download. In a worker it also gives up a prediction
   * that runs, and one that waits for its turn is not made.
   */
  signal?: AbortSignal;
}

/** By feature name. A category is given as its label or its code, a feature with steps as that many numbers, the newest last. */
export type NamedInput = Record<string, number | string | ArrayLike<number>>;

/** All inputs one behind the other in the order of `manifest.inputs`, each row-major. */
export type FlatInput = ArrayLike<number>;

/** A wrong field; `field` is the feature, or the key that is no feature. */
export interface Problem {
  field: string;
  message: string;
}

export interface Model {
  /** The checked manifest.json, frozen. */
  readonly manifest: Manifest;
  readonly target: Target;
  /** The engine build (wasm, ort) or backend (tfjs) that runs; null until the model is loaded. */
  readonly build: string | null;

  /**
   * Fetch and build everything now. Not needed: the first prediction does it, and runs the first layers while the
   * next ones are on their way. A failed one can be tried again.
   */
  warmUp(options?: WarmUpOptions): Promise<void>;

  /**
   * Predict from features in their own units; a result with a transform is given with it undone, in its `unit`.
   * Resolves to a number for each of `manifest.results`, by name; for a model whose results are not named
   * (more than 256 numbers), to a Float32Array for each of `manifest.outputs`.
   */
  predict<Result extends number | Float32Array = number>(
    input: NamedInput | FlatInput,
    options?: PredictOptions,
  ): Promise<Record<string, Result>>;

  /**
   * Predict from and to flat arrays, the model's own answer with no transform undone; only the length and that all
   * numbers are finite is checked.
   */
  predictArray(flat: FlatInput, options?: { signal?: AbortSignal }): Promise<Float32Array>;

  /** Every wrong field of an input, not only the first one; needs no download. */
  check(input: NamedInput, options?: { outOfRange?: PredictOptions['outOfRange'] }): Problem[];

  /** Free the memory. Calls that still wait, and all later ones, reject with code 'disposed'. */
  dispose(): void;
}

/**
 * Open a bundle: fetches and checks its manifest.json and nothing else.
 * @param url the bundle's folder, relative to the page
 */
export declare function load(url: string | URL, options?: LoadOptions): Promise<Model>;

/** manifest.json; see docs/bundle.md. */
export interface Manifest {
  readonly schema_version: 1 | 2;
  /** The sha256 of everything else in the manifest, and so of every file. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly task: string;
  readonly inputs: readonly Signature[];
  readonly outputs: readonly Signature[];
  /** One for each input number, or one for each series of them; or empty. */
  readonly features: readonly Feature[];
  /** One for each output number, or empty. */
  readonly results: readonly Result[];
  readonly targets: Readonly<Record<string, TargetEntry>>;
  readonly golden: FileEntry;
  readonly quantization?: Readonly<Record<string, unknown>>;
  readonly provenance?: Readonly<Record<string, unknown>>;
  readonly feature_hash?: string;
}

export interface Signature {
  readonly name: string;
  /** The leading dimension is the batch, always 1. */
  readonly shape: readonly number[];
  readonly dtype: 'float32';
}

export interface Feature {
  readonly name: string;
  readonly unit: string;
  readonly kind: 'number' | 'integer' | 'category';
  readonly input: string;
  /** Its place in the flattened input. */
  readonly index: number;
  readonly range: readonly [number, number];
  readonly mean: number;
  readonly std: number;
  readonly categories?: readonly string[];
  /** Of a series: how many numbers it has, the newest last; step s is at index + s * the number of this input's features. */
  readonly steps?: number;
}

export interface Result {
  readonly name: string;
  readonly unit: string;
  /** What was done to the label before training; `predict` undoes it, `predictArray` and golden.json do not. */
  readonly transform?: 'log' | 'log10' | 'log1p';
}

export interface TargetEntry {
  readonly files: readonly FileEntry[];
  /** "exact": equal to the int8 model bit for bit; "near": within `bound` of it; "bound": within `bound` of the float model. */
  readonly parity: 'exact' | 'near' | 'bound';
  readonly bound?: number;
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface FileEntry {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly role: string;
  readonly first_step?: number;
  readonly build?: string;
}
