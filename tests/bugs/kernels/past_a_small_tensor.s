; SPDX-License-Identifier: MIT
; X has 25 elements, and 32 are loaded.
        .param  X, in, u32, 5, 5
        .engine sp
        dma_load sbuf.u32[0:8, 0, 4], X[0, 8, 4], ring=0 then s0+=1
        nop     wait s0>=1
        end
