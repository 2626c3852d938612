; SPDX-License-Identifier: MIT
; The last instruction is missing.
        .engine dve
        nop
        nop
