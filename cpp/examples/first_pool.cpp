// A pool of a million samples, hit by eight threads at once, of which the 128 rarest hit are taken.
#include <cstdint>
#include <cstdio>
#include <random>
#include <socbi/index.hpp>
#include <thread>
#include <vector>

int main() {
  constexpr std::size_t kSamples = 1'000'000;
  socbi::SemiOrderedIndex index(kSamples, {});

  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 8; ++seed) {
    threads.emplace_back([&index, seed] {
      std::mt19937 random(seed);
      std::vector<std::int64_t> hit(100'000);
      std::uniform_int_distribution<std::int64_t> any(0, kSamples - 1);
      for (std::int64_t& id : hit) id = any(random);
      index.add(hit, socbi::Values(1.0F));
    });
  }
  for (std::thread& thread : threads) thread.join();

  const socbi::Best best = index.pop(128);
  std::printf("took %zu of %zu samples; the first is %lld, hit %.0f times\n", best.ids.size(),
              kSamples, static_cast<long long>(best.ids[0]), static_cast<double>(best.scores[0]));
  return best.ids.size() == 128 && best.scores[0] == 0.0F && index.check().empty() ? 0 : 1;
}
