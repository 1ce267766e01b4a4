import type { Board } from "../lib/board.ts";

/** Gateways, industrial and small PCs with UEFI, and virtual machines. */
export const x86: Board = {
  name: "x86",
  architecture: "amd64",
  packages: ["linux-image-amd64", "systemd-boot-efi"],
  components: [],
  initialModules: [
    ..."ahci ata_piix nvme sd_mod usb_storage uas xhci_pci ehci_pci mmc_block sdhci_pci sdhci_acpi".split(" "),
    ..."virtio_pci virtio_blk virtio_scsi hv_storvsc ext4".split(" "),
    // PID 1 looks for a watchdog before it starts anything.
    ..."iTCO_wdt i6300esb sp5100_tco".split(" "),
  ],
  // Screens work without these (the firmware's frame buffer); sound, clusters and telephones have no place here.
  excluded: ["drivers/gpu", "sound", "drivers/infiniband", "drivers/isdn", "drivers/scsi/lpfc", "drivers/scsi/qla2xxx"],
  earlyFiles: {},
  consoles: ["ttyS0,115200", "tty0"],
  partitionTable: "gpt",
  boot: { kind: "efi", loader: "systemd-bootx64.efi", defaultName: "BOOTX64.EFI" },
};
