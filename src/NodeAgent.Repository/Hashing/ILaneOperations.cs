using System.Runtime.Intrinsics;

namespace NodeAgent.Repository.Hashing;

/// <summary>What the parallel kernel needs of one vector width. Static, so that the JIT compiles one kernel for each width.</summary>
/// <typeparam name="TVector">A vector with one 32-bit word in each lane; a lane is one of the inputs hashed side by side.</typeparam>
internal interface ILaneOperations<TVector>
    where TVector : unmanaged
{
    /// <summary>Number of lanes.</summary>
    static abstract int Count { get; }

    static abstract TVector Create(uint value);

    /// <summary>The counters of all lanes: the low words, then the high words.</summary>
    static abstract (TVector Low, TVector High) Counters(ulong counter, uint step);

    static abstract TVector Add(TVector left, TVector right);

    static abstract TVector Xor(TVector left, TVector right);

    static abstract TVector RotateRight16(TVector value);

    static abstract TVector RotateRight12(TVector value);

    static abstract TVector RotateRight8(TVector value);

    static abstract TVector RotateRight7(TVector value);

    /// <summary>Loads one 64-byte block from each of the lanes' inputs and transposes: message[i] gets word i of every lane.</summary>
    /// <param name="source">The first input's block.</param>
    /// <param name="offsets">One for each lane: bytes from there to the lane's own block.</param>
    /// <param name="message">16 vectors.</param>
    static abstract void LoadMessage(ref byte source, ref nuint offsets, ref TVector message);

    /// <summary>Writes the 8 chaining words of each lane, lane after lane.</summary>
    /// <param name="chaining">8 vectors.</param>
    /// <param name="output">8 words for each lane.</param>
    static abstract void StoreChaining(ref TVector chaining, ref uint output);
}
