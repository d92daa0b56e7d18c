namespace NodeAgent.Filesystem;

/// <summary>
/// How many files a run works on at once: what was asked for, or as many as there are processors, and no more than the memory is enough for. A container usually
/// sees all processors of its node and has the memory of a few.
/// </summary>
/// <param name="Number">At least one.</param>
/// <param name="Wanted">What was asked for, or the number of processors.</param>
public sealed record WorkerCount(int Number, int Wanted)
{
    /// <summary>A chunk of 4 MiB as it is read, compressed, encrypted and opened again, in buffers of their own, and bundles that wait for a worker.</summary>
    private const long BackupWorker = 24 << 20;

    /// <summary>Packs that are filled and on their way, the index, and the program itself.</summary>
    private const long BackupBase = 128 << 20;

    /// <summary>A chunk as it comes, as it is decrypted and as it is written, and another that the disk has not taken yet.</summary>
    private const long RestoreWorker = 16 << 20;

    /// <summary>What is read ahead, the index, and the program itself.</summary>
    private const long RestoreBase = 80 << 20;

    /// <summary>True when the memory allows fewer than were wanted.</summary>
    public bool IsBounded => Number < Wanted;

    /// <summary>Bytes that all runs of this process may have together, objects and buffers: what the runtime would give to objects alone, in a container three quarters of its limit.</summary>
    public static long ProcessMemory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>For a backup.</summary>
    /// <param name="requested">0 for as many as there are processors.</param>
    /// <param name="memory">Bytes that the run may take; 0 for all that the process may.</param>
    public static WorkerCount ForBackup(int requested, long memory) => Of(requested, Environment.ProcessorCount, memory, BackupBase, BackupWorker);

    /// <summary>For a restore.</summary>
    /// <inheritdoc cref="ForBackup"/>
    public static WorkerCount ForRestore(int requested, long memory) => Of(requested, Environment.ProcessorCount, memory, RestoreBase, RestoreWorker);

    private static WorkerCount Of(int requested, int processors, long memory, long fixedPart, long each)
    {
        var wanted = requested > 0 ? requested : processors;
        var enough = ((memory > 0 ? memory : ProcessMemory) - fixedPart) / each;
        return new WorkerCount((int)Math.Clamp(enough, 1, wanted), wanted);
    }
}
