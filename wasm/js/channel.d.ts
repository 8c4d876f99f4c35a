import type { LoadOptions, Model } from './edgekit.js';

export interface ChannelOptions extends LoadOptions {
  /** Where the install's id is kept. Default: localStorage; without one, no canary is taken. */
  storage?: Pick<Storage, 'getItem' | 'setItem'>;
  /** Loads the runtime of a bundle by its address. Default: import(). */
  importRuntime?: (href: string) => Promise<{ load: (folder: string, options?: LoadOptions) => Promise<Model> }>;
}

export interface Chosen {
  model: Model;
  choice: 'stable' | 'canary';
  /** The bundle's id. */
  id: string;
  /** Why this install's canary was not taken; empty otherwise. */
  fallback: string;
}

/** Open the bundle that this install gets. @param url the folder of channel.json, relative to the page */
export declare function loadChannel(url: string | URL, options?: ChannelOptions): Promise<Chosen>;

/** The place of an install in [0, 100) for a canary; it gets it where this is below the percentage. */
export declare function bucket(canaryId: string, install: string): Promise<number>;
