using NodeAgent.Controller.Storage;

namespace NodeAgent.Controller.Requests;

/// <summary>A file that somebody wants to download.</summary>
/// <param name="Bucket">Where it is; to be disposed by who got it.</param>
/// <param name="Key">What it is called there.</param>
/// <param name="Location">Name of the location, for messages.</param>
internal sealed record DownloadTarget(LocationBucket Bucket, string Key, string Location);
