; SPDX-License-Identifier: MIT
; Y is read, as if somebody had put something there.
        .param  Y, out, u32, 8, 16
        .engine sp
        dma_load  sbuf.u32[0:8, 0, 16], Y[0, 8, 16], ring=0 then s0+=1
        nop       wait s0>=1
        dma_store Y[0, 8, 16], sbuf.u32[0:8, 0, 16], ring=0 then s0+=1
        nop       wait s0>=2
        end
