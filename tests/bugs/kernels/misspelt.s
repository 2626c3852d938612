; SPDX-License-Identifier: MIT
; A mistake that the assembler finds.
        .engine dve
        memset  sbuf.u8[0:8, 0, 64], 1
        mempet  sbuf.u8[0:8, 0, 64], 1
        end
