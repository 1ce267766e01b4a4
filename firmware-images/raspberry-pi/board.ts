import type { Board } from "../lib/board.ts";

/** Raspberry Pi 3, 3A+, 3B+, Zero 2 W, 4, 400, and the Compute Modules 3 and 4: what Debian 12's kernel has device trees for. */
export const raspberryPi: Board = {
  name: "raspberry-pi",
  architecture: "arm64",
  packages: ["linux-image-arm64", "raspi-firmware"],
  components: ["non-free-firmware"],
  initialModules: [
    ..."bcm2835 sdhci_iproc mmc_block bcm2835_dma usb_storage xhci_pci xhci_pci_renesas pcie_brcmstb".split(" "),
    ..."reset_raspberrypi raspberrypi_hwmon clk_raspberrypi raspberrypi_cpufreq dwc2 phy_generic ext4".split(" "),
    // Their network: a Pi 3's is behind USB.
    ..."genet broadcom smsc95xx lan78xx usbnet cdc_ether bcm2835_wdt".split(" "),
  ],
  excluded: [
    "drivers/gpu/drm/amd",
    "drivers/gpu/drm/nouveau",
    "drivers/infiniband",
    "drivers/isdn",
    "drivers/scsi/lpfc",
  ],
  earlyFiles: {
    // The kernel's hook makes config.txt and cmdline.txt of it.
    "etc/default/raspi-firmware":
      'ROOTPART=LABEL=ferry-root\nCONSOLES="tty0 ttyS1,115200"\nKERNEL_ARCH=arm64\nFIRMWARE=/boot/firmware\n',
  },
  consoles: ["tty0", "ttyS1,115200"],
  partitionTable: "dos",
  boot: { kind: "raspberry-pi", emulatedDeviceTree: "bcm2837-rpi-3-b.dtb" },
  compatible: ["raspberrypi,"],
};
