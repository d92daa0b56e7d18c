namespace NodeAgent.Repository.Sessions;

/// <summary>What a session has stored so far.</summary>
/// <param name="NewChunks">Chunks that the repository did not have.</param>
/// <param name="NewBytes">Their plaintext.</param>
/// <param name="NewDataBytes">Of these, file data: what a user calls new.</param>
/// <param name="StoredBytes">What they take in packs.</param>
/// <param name="ReusedChunks">Chunks that were there already.</param>
/// <param name="ReusedBytes">Their plaintext.</param>
public readonly record struct SessionStatistics(long NewChunks, long NewBytes, long NewDataBytes, long StoredBytes, long ReusedChunks, long ReusedBytes);
