/** What differs between the images: everything else is the same for all of them. */
export interface Board {
  readonly name: BoardName;
  /** As Debian calls it. */
  readonly architecture: "amd64" | "arm64";
  readonly packages: readonly string[];
  /** Debian's components beyond `main`. */
  readonly components: readonly string[];
  /** What the kernel needs to find its root file system: all else is loaded from there. */
  readonly initialModules: readonly string[];
  /** Files of these patterns stay out: drivers of what such a device does not have. */
  readonly excluded: readonly string[];
  /** What is written into the new root file system before any package is set up, by path. */
  readonly earlyFiles: Readonly<Record<string, string>>;
  /** The last one is the kernel's own and gets its panic; messages of the first boot go to all of them. */
  readonly consoles: readonly string[];
  readonly partitionTable: "gpt" | "dos";
  readonly boot: BootLoader;
  /** The machine says what it is in its device tree; undefined where it has none. One of these must begin one of its names. */
  readonly compatible?: readonly string[];
}

export type BoardName = "x86" | "arm64" | "raspberry-pi";

export type BootLoader =
  /** systemd-boot as the loader that firmware starts when nothing else was set up. */
  | { readonly kind: "efi"; readonly loader: string; readonly defaultName: string }
  /** The Raspberry Pi's own firmware reads `config.txt`, and loads the kernel from the FAT partition. */
  | { readonly kind: "raspberry-pi"; readonly emulatedDeviceTree: string };
