// What a retrieval costs by the list and by a scan, so that the cheaper can be chosen.
//
// Costs are in looks of a scan at one score (0.3 to 0.4 ns). A list for R retrievals costs a scan
// once, and an effort for each sample taken; of what is listed R h / 2 is stale on average when it
// is met, h being the share of the pool that changes between two retrievals:
//
//   (scan / R + effort * wanted) / (1 - R h / 2)      a retrieval by the list
//   scan + kScannedInLooks * wanted                   a retrieval by a scan
//
// Worked: 10^7 samples, 10^5 wanted, h = 0.1: R = 4.3, and a list costs 10.6 million looks, a scan
// 13.5. Of 5 x 10^5 wanted at h = 0.05: R = 3.3, 36 million and 27.5.
#pragma once

#include <algorithm>
#include <cmath>

#include "socbi/tuning.hpp"

namespace socbi {

struct ListCost {
  double scan;    ///< samples ever seen: what a scan looks at
  double pool;    ///< samples in the pool
  double wanted;  ///< samples a retrieval
  double pace;    ///< share of the pool that changes between two retrievals, above 0
  double effort = tuning::kListedInLooks;  ///< looks a sample taken

  /// For how many retrievals a list is cheapest: where R^2 B h / 2 + R A h = A, A being the scan
  /// and B the effort for what is wanted; but no more than may be listed.
  [[nodiscard]] double retrievals() const noexcept {
    const double half = scan * pace / 2;
    const double best = scan / (half + std::sqrt(half * half + scan * effort * wanted * pace / 2));
    return std::min(best, pool / (tuning::kListedShareMost * wanted));
  }

  /// Looks a retrieval by such a list.
  [[nodiscard]] double by_list() const noexcept {
    const double count = retrievals();
    return (scan / count + effort * wanted) / (1 - count * pace / 2);
  }

  /// Looks a retrieval by a scan.
  [[nodiscard]] double by_scan() const noexcept { return scan + tuning::kScannedInLooks * wanted; }
};

}  // namespace socbi
