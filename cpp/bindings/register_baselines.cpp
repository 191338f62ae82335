#include "index_class.hpp"
#include "register.hpp"
#include "socbi/baselines/array_ordering.hpp"
#include "socbi/baselines/array_threshold_ordering.hpp"
#include "socbi/baselines/bplus_tree_ordering.hpp"

namespace socbi::bindings {

void register_baselines(py::module_& module) {
  register_index_class<BasicIndex<baselines::ArraySortOrdering>>(module, "ArraySortIndex");
  register_index_class<BasicIndex<baselines::ArrayHeapOrdering>>(module, "ArrayHeapIndex");
  register_index_class<BasicIndex<baselines::ArrayThresholdOrdering>>(module,
                                                                      "ArrayThresholdIndex");
  register_index_class<BasicIndex<baselines::BPlusTreeOrdering>>(module, "BPlusTreeIndex");
}

}  // namespace socbi::bindings
