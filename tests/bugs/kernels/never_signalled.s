; SPDX-License-Identifier: MIT
; Nobody raises semaphore 3: the `then` of the transfer was forgotten.
        .param  X, in, u32, 8, 512
        .engine sp
        dma_load sbuf.u32[0:8, 0, 512], X[0, 8, 512], ring=3
        end
        .engine act
        nop     wait s3>=1
        end
