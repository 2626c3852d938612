; SPDX-License-Identifier: MIT
; Each engine waits for what the other one does afterwards.
        .engine act
        nop
        nop     wait s5>=1 then s6+=1
        end
        .engine dve
        nop     wait s6>=1 then s5+=1
        end
