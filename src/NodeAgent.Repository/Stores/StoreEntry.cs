namespace NodeAgent.Repository.Stores;

/// <summary>One object of a listing.</summary>
/// <param name="Key">Its name, relative to the store's root.</param>
/// <param name="Length">Bytes.</param>
/// <param name="LastModified">When it was written, by the store's clock.</param>
public readonly record struct StoreEntry(string Key, long Length, DateTimeOffset LastModified);
