; SPDX-License-Identifier: MIT
; The tile begins inside SBUF and ends outside.
        .engine dve
        memset  sbuf.u8[0:8, 229360, 64], 1
        end
