; SPDX-License-Identifier: MIT
; Nothing is wrong with this one: programs do wrong things with it. Y = X.
        .param  X, in,  u32, 8, 512
        .param  Y, out, u32, 8, 512
        .engine sp
        dma_load  sbuf.u32[0:8, 0, 512], X[0, 8, 512], ring=0 then s0+=1
        nop       wait s0>=1
        dma_store Y[0, 8, 512], sbuf.u32[0:8, 0, 512], ring=0
        end
