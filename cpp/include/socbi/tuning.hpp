// Every tuned constant of the core, each with the reason for its value. Change one, re-run
// `python -m bench.grid`, and write the new measurement here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace socbi::tuning {

/// Ids a call handles between two looks at whether another call waits: 2 to 15 us of plain updates.
inline constexpr std::size_t kBlockIds = 4096;

/// Ids a call with several workers splits among them at a time. Large enough to bury the ~5 us of
/// waking the workers, small enough that their id lists (4 bytes an id) stay in the L2 cache.
inline constexpr std::size_t kParallelBlockIds = std::size_t{1} << 18;

/// A worker is worth waking for this many plain updates (waking one costs up to 60 us on a virtual
/// machine, as much as 100,000 of them), or for this many that also move their sample.
inline constexpr std::size_t kIdsPerWorker = std::size_t{1} << 16;
inline constexpr std::size_t kMovesPerWorker = std::size_t{1} << 12;

/// Fewer workers than this do not pay for plain updates: checking ids and splitting them among
/// workers costs 1.5 ns an id, the update itself 0.4 (n = 10^5) to 3 ns (10^7). Measured with two:
/// 1.8 ns an id at n = 10^6 and 4.3 at 10^7, where one thread alone takes 0.6 and 3.0.
inline constexpr std::size_t kWorkersThatPay = 4;

/// Scores per cache line: workers split ids by line, so that no line is written by two of them.
inline constexpr unsigned kScoresPerLineLog2 = 4;

/// How far ahead the atomic update loop prefetches. Atomic updates do not overlap their cache
/// misses; at n = 10^7 prefetching lifts them from 7.9 to 5.8 ns, and 8 to 32 ahead are equal.
inline constexpr std::size_t kAtomicFetchDistance = 16;

/// Arrays from this many bytes on ask for pages of 2 MiB: below, pages of 4 KiB are all found in
/// the second-level table, and rounding up would be felt.
inline constexpr std::size_t kHugePagesFrom = std::size_t{8} << 20;

/// The plain update loop overlaps its misses by itself; whether fetching this far ahead pays is
/// learned (fetch_choice.hpp), from blocks that take some hundred ns, in one of 16 the other way.
inline constexpr std::size_t kPlainFetchDistance = 64;
inline constexpr std::size_t kTimedIds = 512;
inline constexpr std::size_t kTryOtherWay = 16;

/// How far ahead a node's ids are looked up when it is gone over: each costs two cache misses.
inline constexpr std::size_t kGatherDistance = 24;

/// How many pops ahead a pop asks for a sample's score and place.
inline constexpr std::size_t kPopFetchDistance = 16;

/// How many samples ahead a removal of many asks for a score.
inline constexpr std::size_t kRemoveDistance = 16;

/// Keys are cut into at most so many pieces by splitters (a byte names the piece, and 16 to 64
/// splitters stay in the L1 cache); into more by sorting. Eight draws a piece make pieces that are
/// even to about a third.
inline constexpr std::size_t kMostPieces = 64;
inline constexpr std::size_t kDrawsPerPiece = 8;

/// How often one owner re-files a sample that other threads keep changing before it queues it for
/// the next retrieval instead. Overtaking once is rare, so this is never reached but under attack.
inline constexpr int kRedoLimit = 16;

/// Node capacity of the uniform list (growth 1): the paper gives none. 256 ids are 1 KiB, so a node
/// is cleaned or split within the L1 cache, and 10^7 samples make 40,000 nodes, 16 tower steps.
inline constexpr std::size_t kUniformCapacity = 256;

/// What left ids behind in nodes may be one in so many of the pool before all nodes are swept: 8
/// keeps the uniform list within 14 bytes a sample.
inline constexpr std::size_t kSweepShare = 8;

/// The front may be one in so many larger than its keys; giving back more costs a copy of them,
/// some 5 ns a key in fresh pages. A listing is as large as was guessed to 2 sigma, an eighth.
inline constexpr std::size_t kSlackShare = 4;

/// Capacity of the first node when it grows with rank, per sample asked for and at the least; and
/// how many keys per sample asked for are sorted at once. Sorting costs 6 ns a key; cutting first
/// 18 ns more, since each sample is looked up again, but spares sorting what grows stale. At 10^6
/// samples, 128 taken, 100 updates a round: 8.9 us a pop with fronts of 4,096, 6.7 with 16,384, 6.5
/// with 65,536; at 10,000 updates 18, 20 and 23. At 10^6 samples, 10,000 taken: 330 us with
/// cutting, 240 without.
inline constexpr std::size_t kFrontPerTaken = 4;
inline constexpr std::size_t kSmallestFront = 16384;
inline constexpr std::size_t kUncutPerTaken = 64;

/// Growth of the node capacity with rank. 4 and 16 are equally good, 64 is not.
inline constexpr std::size_t kGrowth = 16;

/// What a sample costs, in looks of a scan at one score (0.3 to 0.4 ns), by each of three ways
/// (list_cost.hpp): listed it is collected, sorted, looked up and taken for 20 ns (small lists) to
/// 35 (10^7); found by a walk along the ties it costs 8 to 20; by a scan, sorting, 10 to 20.
/// Measured at 10^5, 10^6 and 10^7 reals, list over scan: a hundredth taken, 10% changed 0.7, 0.9
/// and 1.1 (predicted 0.8), 20% 0.8, 1.05 and 1.1 (1.0), a third 1.1, 1.25 and 1.25 (1.2); a
/// twentieth taken, 5% changed 1.2, 1.3 and 1.6 (1.3), 20% 1.4, 1.8 and 1.9 (1.6).
inline constexpr double kListedInLooks = 60.0;
inline constexpr double kWalkedInLooks = 30.0;
inline constexpr double kScannedInLooks = 35.0;

/// Share of the pool that a retrieval is taken to change before any was seen, and the most listed:
/// a quarter of the pool, for memory, and because a scan of all costs no more then.
inline constexpr double kPaceUnknown = 1e-3;
inline constexpr std::size_t kListedShareMost = 4;
inline constexpr std::size_t kListedLeast = 1024;

/// A round that changed more than one sample in kDenseShare is cheaper as one scan of the scores,
/// and the list is given up; it is built again once a round changed less than one in kSparseShare.
/// A change towards the asked end counts for kTowardsCost, since it must be filed: 10 to 20 ns
/// beside the 1 to 6 of the change. Measured at 10^5 to 10^7 samples, 128 and a hundredth taken,
/// list against scan: rising scores, 10% changed a round 0.9 to 5 times as fast, 30% 0.9 to 4
/// times; scores set at random, 3% 1 to 2.5 times, 10% 0.4 to 1.3.
inline constexpr std::size_t kDenseShare = 2;
inline constexpr std::size_t kSparseShare = 3;
inline constexpr std::size_t kTowardsCost = 8;

/// Up to so many wanted, a scan keeps the best so far in a heap; for more it draws samples first.
/// At n = 10^6 the heap takes 75 us for 128 (a sample 240) and 4.2 ms for 10,000 (a sample 1.0).
inline constexpr std::size_t kHeapMost = 512;

/// A walk along the ties is begun where a sample of the scores promises so many hits a look, and
/// goes on while one look in kLooksAHit finds a sample, judged after so many looks. A look costs 3
/// to 8 ns. A sample found by scan and sort costs 20 to 30 ns in a long list, and 100 or more where
/// much changes and lists are short: at 10^6 counts, 10,000 hits a round, a pop of 128 takes 21 us
/// if the walk gives up at one in 4, 15 at one in 16, 12.7 at one in 32 and in 64.
inline constexpr double kHitsToBegin = 0.3;
inline constexpr std::size_t kLooksAHit = 32;
inline constexpr std::size_t kLooksToJudge = 512;

/// At the start of a walk what was taken before lies first, so it may look at one tie-break for so
/// many samples before it gives up: half as long as a scan takes.
inline constexpr std::size_t kPatientShare = 16;

/// Samples drawn to guess the score below which the wanted ones lie. 1,024 random reads cost ~5 us;
/// the guess is then off by about 1/32 of the samples' rank error, which the scan absorbs.
inline constexpr std::size_t kThresholdSamples = 1024;

/// Fewer keys than this are sorted by std::sort: at 64 both take 18 ns a key, at 512 digits take a
/// third.
inline constexpr std::size_t kDigitsFrom = 64;

/// Levels of the skip towers with one node in four rising a level: enough for 4^10 nodes.
inline constexpr unsigned kTowerLevels = 10;

}  // namespace socbi::tuning
