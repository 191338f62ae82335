// The parts the module is made of; one file each.
#pragma once

#include <pybind11/pybind11.h>

namespace socbi::bindings {

void register_errors();
void register_index(pybind11::module_& module);
void register_baselines(pybind11::module_& module);
void register_cover(pybind11::module_& module);
void register_probabilities(pybind11::module_& module);

}  // namespace socbi::bindings
