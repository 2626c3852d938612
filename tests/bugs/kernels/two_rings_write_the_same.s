; SPDX-License-Identifier: MIT
; Nobody orders the two stores.
        .param  Y, out, u8, 128, 512
        .engine dve
        memset    sbuf.u8[0:128, 0, 512], 1 then s0+=1
        nop       then s1+=1
        end
        .engine sp
        nop       wait s0>=1
        dma_store Y[0, 128, 512], sbuf.u8[0:128, 0, 512], ring=2
        end
        .engine act
        nop       wait s1>=1
        dma_store Y[0, 128, 512], sbuf.u8[0:128, 0, 512], ring=3
        end
