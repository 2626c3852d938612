; SPDX-License-Identifier: MIT
; Its launch names too few cores.
        .cores  2
        .engine sp
        nop
        end
