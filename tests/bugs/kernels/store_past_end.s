; SPDX-License-Identifier: MIT
; The second half of Y begins at byte 2048, not at 4096.
        .param  Y, out, u8, 8, 512
        .engine dve
        memset  sbuf.u8[0:8, 0, 512], 1 then s0+=1
        end
        .engine sp
        nop     wait s0>=1
        dma_store Y[4096, 4, 512], sbuf.u8[0:4, 0, 512], ring=2
        end
