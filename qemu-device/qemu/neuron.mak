# SPDX-License-Identifier: GPL-2.0-or-later
# Every device of our QEMU: what the guest boots with, what the tests plug or compare with, and the accelerator.
CONFIG_Q35=y
CONFIG_VTD=y
CONFIG_PCIE_PORT=y
CONFIG_PCI_BRIDGE=y
CONFIG_XIO3130=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_9P=y
CONFIG_VIRTIO_SERIAL=y
CONFIG_VIRTIO_RNG=y
CONFIG_ISA_DEBUG=y
CONFIG_SERIAL_ISA=y
CONFIG_EDU=y
CONFIG_NVME_PCI=y
CONFIG_NEURON=y
