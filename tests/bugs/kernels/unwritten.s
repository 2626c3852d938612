; SPDX-License-Identifier: MIT
; It reads 64 bytes behind what was written.
        .engine dve
        memset  sbuf.u8[0:8, 0, 64], 1
        copy    sbuf.u8[0:8, 256, 64], sbuf.u8[0:8, 64, 64]
        end
