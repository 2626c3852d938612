; SPDX-License-Identifier: MIT
; An offset in elements where bytes are wanted, shifted once too often.
        .param  X, in, u32, 8, 512
        .engine sp
        nop
        dma_load sbuf.u32[0:2, 0, 512], X[(1 << 40), 2, 512], ring=3 then s0+=1
        nop     wait s0>=1
        end
