; SPDX-License-Identifier: MIT
; 48 partitions may not begin at partition 20.
        .engine dve
        memset  sbuf.u8[20:68, 0, 64], 1
        end
