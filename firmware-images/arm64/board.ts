import type { Board } from "../lib/board.ts";

/** Machines that boot by UEFI on arm64: QEMU's `virt`, servers, boards whose firmware is U-Boot with EFI. */
export const arm64: Board = {
  name: "arm64",
  architecture: "arm64",
  packages: ["linux-image-arm64", "systemd-boot-efi"],
  components: [],
  initialModules: [
    ..."ahci nvme sd_mod usb_storage uas xhci_pci xhci_plat_hcd mmc_block sdhci_pci sdhci_acpi sdhci_iproc".split(" "),
    ..."dw_mmc_rockchip sdhci_of_arasan virtio_pci virtio_blk virtio_scsi virtio_mmio ext4".split(" "),
  ],
  excluded: ["drivers/gpu", "sound", "drivers/infiniband", "drivers/isdn", "drivers/scsi/lpfc", "drivers/scsi/qla2xxx"],
  earlyFiles: {},
  consoles: ["tty0", "ttyAMA0,115200"],
  partitionTable: "gpt",
  boot: { kind: "efi", loader: "systemd-bootaa64.efi", defaultName: "BOOTAA64.EFI" },
};
