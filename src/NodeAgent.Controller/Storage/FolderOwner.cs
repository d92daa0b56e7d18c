namespace NodeAgent.Controller.Storage;

/// <summary>Whose the folder is that has a backup's name.</summary>
internal enum FolderOwner
{
    /// <summary>There is nothing in it that says so: no folder, or what a backup left that failed.</summary>
    Nobody,

    /// <summary>The backup's that was asked about.</summary>
    Own,

    /// <summary>Another backup's of the same name, as of another cluster.</summary>
    Other,
}
