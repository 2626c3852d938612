; SPDX-License-Identifier: MIT
; POOL does not wait until DVE has written.
        .engine dve
        memset  sbuf.u8[0:8, 0, 64], 1
        end
        .engine pool
        nop
        memset  sbuf.u8[0:8, 32, 64], 2
        end
