namespace NodeAgent.Repository.SealedFiles;

/// <summary>What a sealed file holds of the file that it stands for. The values are written to sealed files.</summary>
public enum SealedFileForm : byte
{
    /// <summary>The file.</summary>
    Whole = 0,

    /// <summary>What the file, a gzip, decompresses to. Whoever opens it gets a gzip of the same content again.</summary>
    ContentOfGzip = 1,
}
