; SPDX-License-Identifier: MIT
; Data among the instructions.
        .engine sp
        nop
        .raw    "ff"
        end
