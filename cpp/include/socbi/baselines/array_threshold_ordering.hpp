// The array at its best for any number wanted: a sample of the scores gives a threshold below which
// the wanted ones lie with near certainty, one vectorised pass keeps what is below it, and only
// that little is sorted.
#pragma once

#include <cstddef>
#include <vector>

#include "socbi/baselines/array_ordering.hpp"
#include "socbi/scan.hpp"
#include "socbi/score.hpp"
#include "socbi/sort_keys.hpp"

namespace socbi::baselines {

class ArrayThresholdOrdering : public ArrayOrdering {
 public:
  using ArrayOrdering::ArrayOrdering;

  void take(std::size_t wanted, bool /*remove*/, std::vector<Key>& out) {
    smallest_by_threshold(table_, order_, wanted, out);
  }
};

}  // namespace socbi::baselines
