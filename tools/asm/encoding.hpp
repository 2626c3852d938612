// SPDX-License-Identifier: MIT
/**
 * @file
 * What the assembler shares with the builder: instructions, checks and files are those of libneuron-kernel.
 */
#pragma once

#include <encoding/diagnostics.hpp>
#include <encoding/image.hpp>
#include <encoding/mnemonics.hpp>
#include <encoding/ranges.hpp>
#include <encoding/words.hpp>

namespace neuron::assembler {

using namespace encoding;

} // namespace neuron::assembler
