// SPDX-License-Identifier: MIT
/**
 * @file
 * Symbol visibility: the library hides everything that is not marked NEURON_API.
 */
#pragma once

#define NEURON_API __attribute__((visibility("default")))
